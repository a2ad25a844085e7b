module github.com/completionport/completion/bench/plot

go 1.26.0
