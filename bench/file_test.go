package bench

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/completionport/completion"
	"github.com/completionport/completion/bench/internal/stat"
	"github.com/completionport/completion/bench/internal/system"
	"github.com/completionport/completion/ops"
)

const (
	fileSize  = 1 << 30
	fileBlock = 4 << 10
	fileDepth = 64
)

// BenchmarkFileRead reads random blocks of 4 KiB of a file of 1 GiB, 64 at a time: on a port of each
// backend, and with os.File.ReadAt on 64 goroutines. The file is in the page cache, or it is opened
// for direct I/O: then each read waits for the device. The two take turns of b.N reads each. rate is
// how many reads a second the port makes divided by those of package os, and cpu is the CPU time of
// a read of package os divided by that of the port. control is what rate is between two turns of
// package os.
func BenchmarkFileRead(b *testing.B) {
	file := cachedFile(b)
	for _, name := range []string{"epoll", "io_uring"} {
		b.Run(name+"/Cached", func(b *testing.B) { compareReads(b, name, file, 0) })
		if direct := directly(b, file); direct != nil {
			b.Run(name+"/Direct", func(b *testing.B) { compareReads(b, name, direct, directFlag) })
		}
	}
}

// compareReads reads a file, which the port opens with the same flag.
func compareReads(b *testing.B, backend string, file *os.File, flag int) {
	port, err := completion.Open(&completion.Config{Backend: backend})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { port.Close() })
	f, err := port.OpenFile(file.Name(), os.O_RDONLY|flag, 0)
	if err != nil {
		b.Fatal(err)
	}
	const rounds = 15
	var rate, cpu, control, perRead []float64
	b.ResetTimer()
	for range rounds {
		t1, c1 := timed(b, func() { readByOS(b, file, b.N) })
		t2, c2 := timed(b, func() { readByPort(b, port, f, b.N) })
		t3, c3 := timed(b, func() { readByOS(b, file, b.N) })
		rate = append(rate, float64(t1+t3)/2/float64(t2))
		cpu = append(cpu, float64(c1+c3)/2/float64(c2))
		control = append(control, float64(t1)/float64(t3))
		perRead = append(perRead, float64(c2)/float64(b.N))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(stat.QuartilesOf(rate).Median, "rate")
	b.ReportMetric(stat.QuartilesOf(cpu).Median, "cpu")
	b.ReportMetric(stat.QuartilesOf(control).Median, "control")
	b.ReportMetric(stat.QuartilesOf(perRead).Median, "cpu-ns/read")
	b.Logf("rate %v, cpu %v, control %v", stat.QuartilesOf(rate), stat.QuartilesOf(cpu), stat.QuartilesOf(control))
}

// cachedFile returns a file that was just written.
func cachedFile(b *testing.B) *os.File {
	file, err := os.OpenFile(filepath.Join(b.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i)
	}
	for at := int64(0); at < fileSize; at += int64(len(block)) {
		if _, err := file.WriteAt(block, at); err != nil {
			b.Fatal(err)
		}
	}
	return file
}

// timed returns how long f takes, and how much CPU time.
func timed(b *testing.B, f func()) (took, cpu time.Duration) {
	before, err := system.OwnCPU()
	if err != nil {
		b.Skip(err)
	}
	begun := time.Now()
	f()
	took = time.Since(begun)
	after, _ := system.OwnCPU()
	return took, after - before
}

// aligned returns a buffer that direct I/O accepts.
func aligned() []byte {
	p := make([]byte, 2*fileBlock)
	at := -int(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) & (fileBlock - 1)
	return p[at : at+fileBlock : at+fileBlock]
}

func place(r *rand.Rand) int64 { return r.Int64N(fileSize/fileBlock) * fileBlock }

func readByOS(b *testing.B, file *os.File, n int) {
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for i := range fileDepth {
		all.Go(func() {
			r, buf := rand.New(rand.NewPCG(1, uint64(i))), aligned()
			for left.Add(-1) >= 0 {
				if _, err := file.ReadAt(buf, place(r)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// readByPort keeps 64 reads in flight, on as many loops as there are processors. A loop
// dequeues up to 8 reads that have ended, whoever has submitted them, and submits as many with
// one call. The loop that finds none left in flight posts the end to the others.
func readByPort(b *testing.B, port *completion.Port, f *completion.File, n int) {
	var all sync.WaitGroup
	loops := runtime.GOMAXPROCS(0)
	reads := fileReads{port: port}
	depth := fileDepth / loops
	reads.left.Store(int64(n - depth*loops))
	reads.inFlight.Store(int64(depth * loops))
	for i := range loops {
		all.Go(func() {
			r, batch := rand.New(rand.NewPCG(2, uint64(i))), make([]completion.Operation, depth)
			for i := range batch {
				batch[i] = &ops.ReadAt{From: f, Buf: completion.Own(aligned()), Offset: place(r)}
			}
			port.Submit(batch...)
			for isOver := false; !isOver; {
				n, err := port.NextBatch(context.Background(), batch[:min(8, depth)])
				if err != nil {
					b.Error(err)
					return
				}
				isOver = reads.goOn(b, r, batch[:n], loops-1)
			}
		})
	}
	all.Wait()
}

// fileReads counts the reads of all loops.
type fileReads struct {
	port           *completion.Port
	left, inFlight atomic.Int64
}

// goOn makes those of the reads once more that are left, and reports whether all are over. If it
// is the first to see that, it tells so many others.
func (f *fileReads) goOn(b *testing.B, r *rand.Rand, ended []completion.Operation, others int) (isOver bool) {
	again := ended[:0]
	for i, op := range ended {
		if _, isEnd := op.(*ops.Post); isEnd {
			f.port.Submit(ended[i+1:]...) // no reads: those of other loops
			return true
		}
		if op.Err() != nil {
			b.Error(op.Err())
		}
		if f.left.Add(-1) >= 0 {
			op.(*ops.ReadAt).Offset = place(r)
			again = append(again, op)
		}
	}
	if f.inFlight.Add(int64(len(again)-len(ended))) > 0 {
		f.port.Submit(again...)
		return false
	}
	for range others {
		f.port.Submit(new(ops.Post))
	}
	return true
}
