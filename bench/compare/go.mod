module github.com/completionport/completion/bench/compare

go 1.26.0

require github.com/completionport/completion v0.0.0

require golang.org/x/sys v0.49.0

replace github.com/completionport/completion => ../..
