package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// compareStatic compares examples/static, which sends files by ops.SendFile, with
// http.FileServer, which sends them by io.Copy to a *net.TCPConn.
func compareStatic(b *builder, o options) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return err
	}
	site := filepath.Join(b.folder, "site")
	if err := makeSite(site); err != nil {
		return err
	}
	var servers []*server
	for _, style := range []string{"port", "net"} {
		s, err := b.example("static "+style, "static", "-style", style, "-root", site)
		if err != nil {
			return err
		}
		servers = append(servers, s)
	}
	large := table{servers: servers, unit: "GB", perUnit: "ms", scale: 1e3}
	for _, conns := range []int{1, 16} {
		large.rows = append(large.rows, row{fmt.Sprintf("files of 16 MiB, %d connections", conns), func(s *server) (float64, time.Duration, error) {
			files, elapsed, err := b.wrk(s, "large", conns, o.share(30))
			return files * largeFile / 1e9, elapsed, err
		}})
	}
	if err := large.hold(o); err != nil {
		return err
	}
	small := table{servers: servers, unit: "requests", perUnit: "us", scale: 1e6}
	for _, conns := range []int{1, 64, 1000} {
		small.rows = append(small.rows, row{fmt.Sprintf("files of 1 KiB, %d connections", conns), func(s *server) (float64, time.Duration, error) {
			return b.wrk(s, "small", conns, o.share(20))
		}})
	}
	return small.hold(o)
}

const largeFile = 16 << 20

func makeSite(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "large"), make([]byte, largeFile), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "small"), make([]byte, 1<<10), 0o600)
}
