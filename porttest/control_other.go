//go:build !windows

package porttest

// dropsControl tells whether control messages that are sent get lost.
func dropsControl() bool { return false }
