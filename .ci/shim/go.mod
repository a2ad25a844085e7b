module completion.test/shim

go 1.26.0

require github.com/completionport/completion v0.0.0
