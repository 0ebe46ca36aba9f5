// Processors, memory in bytes, load average and swap in bytes, as the Java runtime sees them.
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

class Acc {
    public static void main(String[] arguments) {
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        System.out.println(Runtime.getRuntime().availableProcessors() + " " + system.getTotalMemorySize() + " "
            + system.getSystemLoadAverage() + " " + system.getTotalSwapSpaceSize());
    }
}
