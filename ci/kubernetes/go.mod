module example.org/manifests

go 1.26

require github.com/kubeflow/trainer/v2 v2.0.0 // indirect
