module example.org/growth

go 1.26.0

require github.com/sparsebert/sparsebert-gpu v0.0.0

replace github.com/sparsebert/sparsebert-gpu => ../..
