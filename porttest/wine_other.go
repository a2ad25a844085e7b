//go:build !windows

package porttest

func isWine() bool { return false }
