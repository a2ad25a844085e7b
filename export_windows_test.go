package completion

// SetSkipOnSuccess sets the mode of ports that are opened until undo.
func SetSkipOnSuccess(on bool) (undo func()) {
	before := skipOnSuccess
	skipOnSuccess = on
	return func() { skipOnSuccess = before }
}

// OpenNativePorts is how many ports have not been closed.
func OpenNativePorts() (n int) {
	openPorts.Range(func(any, any) bool { n++; return true })
	return n
}
