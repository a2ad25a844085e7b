// Package bench measures the port: go test -run '^$' -bench . ./bench
package bench
