//go:build unix && !race

package main

const underRace = false
