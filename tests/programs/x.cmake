cmake_host_system_information(RESULT cpus QUERY NUMBER_OF_LOGICAL_CORES)
cmake_host_system_information(RESULT mib QUERY TOTAL_PHYSICAL_MEMORY)
message("${cpus};${mib}")
