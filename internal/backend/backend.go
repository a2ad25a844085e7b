package backend

// Backend is an opened backend: what one port has of it.
type Backend struct {
	// Name is what a program calls the backend: "epoll".
	Name string
	// Poller and Kernel belong to each other. A descriptor that Kernel opens is armed
	// with Poller and with no other.
	Poller Poller
	Kernel Calls
	// ArmCall is the system call that Poller.Arm makes, for error texts; "" if it makes
	// none.
	ArmCall string
}
