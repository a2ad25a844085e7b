//go:build !race

package iotls_test

const raceEnabled = false
