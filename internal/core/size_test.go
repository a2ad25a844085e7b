package core

import (
	"testing"
	"unsafe"
)

// An idle connection holds one handle and one slot: their sizes are a promise.
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64-bit systems")
	}
	if n := unsafe.Sizeof(Handle{}); n != 48 {
		t.Errorf("a Handle has %d bytes, want 48", n)
	}
	if n := unsafe.Sizeof(Slot{}); n != 64 {
		t.Errorf("a Slot has %d bytes, want 64", n)
	}
	if n := unsafe.Sizeof(Record{}); n != 32 {
		t.Errorf("a Record has %d bytes, want 32", n)
	}
}
