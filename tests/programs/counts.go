// How many CPUs a Go program counts: by its own rule, by its mask, and by the kernel's files. One line of `way=count`.
package main

import (
	"fmt"
	"os"
	// With cgo enabled, it brings in the C library.
	_ "os/user"
	"runtime"
	"strconv"
	"strings"
)

func lines(path string, begins func(string) bool) int {
	text, _ := os.ReadFile(path)
	count := 0
	for _, line := range strings.Split(string(text), "\n") {
		if begins(line) {
			count++
		}
	}
	return count
}

func listed(path string) int {
	text, _ := os.ReadFile(path)
	count := 0
	for _, part := range strings.Split(strings.TrimSpace(string(text)), ",") {
		ends := strings.Split(part, "-")
		first, _ := strconv.Atoi(ends[0])
		last, _ := strconv.Atoi(ends[len(ends)-1])
		count += last - first + 1
	}
	return count
}

func main() {
	fmt.Printf("own=%d NumCPU=%d cpuinfo=%d stat=%d online=%d\n", runtime.GOMAXPROCS(0), runtime.NumCPU(),
		lines("/proc/cpuinfo", func(line string) bool { return strings.HasPrefix(line, "processor") }),
		lines("/proc/stat", func(line string) bool {
			return strings.HasPrefix(line, "cpu") && !strings.HasPrefix(line, "cpu ")
		}),
		listed("/sys/devices/system/cpu/online"))
}
