# A client of Nomad whose Docker has the runtime (../docker/daemon.json): /etc/nomad.d/cgproc.hcl
plugin "docker" {
  config {
    allow_runtimes = ["runc", "cgproc"]
  }
}
