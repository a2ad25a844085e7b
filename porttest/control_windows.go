package porttest

import "syscall"

// dropsControl tells whether control messages that are sent get lost: Wine takes them and does
// nothing with them.
func dropsControl() bool {
	return syscall.NewLazyDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}
