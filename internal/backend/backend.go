package backend

// Backend is an opened backend, for one port.
type Backend struct {
	// Name is the name that programs use for the backend, such as "epoll".
	Name string
	// Poller and Kernel belong to each other. A descriptor that Kernel opens is armed
	// with Poller and with no other.
	Poller Poller
	Kernel Calls
	// ArmCall is the system call that Poller.Arm makes, for error texts; "" if it makes
	// none.
	ArmCall string
}
