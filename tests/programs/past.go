// What a Go program sees, which asks the kernel without libc: one line for each way of asking.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

func total(text []byte) string {
	return strings.Fields(string(text))[1]
}

func main() {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		panic(err)
	}
	fmt.Println("ReadFile", total(text))
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		panic(err)
	}
	fmt.Println("Sysinfo", info.Totalram/1024*uint64(info.Unit))
	fmt.Println("NumCPU", runtime.NumCPU())
	fmt.Println("GOMAXPROCS", runtime.GOMAXPROCS(0))

	file, err := os.Open("/proc/meminfo")
	if err != nil {
		panic(err)
	}
	for i := 0; i < 2; i++ {
		file.Seek(0, io.SeekStart)
		text, _ = io.ReadAll(file)
	}
	fmt.Println("Seek", total(text))

	var all sync.WaitGroup
	var lock sync.Mutex
	alike := 0
	for i := 0; i < 200; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			own, err := os.ReadFile("/proc/meminfo")
			lock.Lock()
			defer lock.Unlock()
			if err == nil && total(own) == total(text) {
				alike++
			}
		}()
	}
	all.Wait()
	fmt.Println("goroutines", alike)
}
