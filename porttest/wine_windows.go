package porttest

import "golang.org/x/sys/windows"

// isWine tells whether this is Wine, which deviates from Windows in places.
func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}
