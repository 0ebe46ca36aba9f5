// How many CPUs the Java runtime counts, from release 8 on. One line of `way=count`.
import java.nio.file.Files;
import java.nio.file.Paths;

class Counts {
    public static void main(String[] arguments) throws java.io.IOException {
        int blocks = 0;
        for (String line : Files.readAllLines(Paths.get("/proc/cpuinfo"))) {
            if (line.startsWith("processor")) {
                blocks++;
            }
        }
        System.out.println("own=" + Runtime.getRuntime().availableProcessors() + " cpuinfo=" + blocks);
    }
}
