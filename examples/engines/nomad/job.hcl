# A job whose programs see 512 MiB.
job "free" {
  type = "batch"

  group "free" {
    task "free" {
      driver = "docker"

      config {
        image   = "ubuntu"
        command = "free"
        args    = ["-h"]
        runtime = "cgproc"
      }

      resources {
        memory = 512
      }
    }
  }
}
