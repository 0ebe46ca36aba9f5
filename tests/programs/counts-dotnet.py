# How many CPUs .NET counts: loads its runtime into this process and reads Environment.ProcessorCount. One line of
# `way=count`.
#   counts-dotnet.py DIRECTORY_OF_THE_RUN_TIME
import ctypes
import os
import sys

directory = sys.argv[1]
libraries = ":".join(os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".dll"))
properties = {
    "TRUSTED_PLATFORM_ASSEMBLIES": libraries,
    "NATIVE_DLL_SEARCH_DIRECTORIES": directory,
    "System.Globalization.Invariant": "true",
}


def strings(values):
    return (ctypes.c_char_p * len(properties))(*(value.encode() for value in values))


def must(result):
    if result != 0:
        sys.exit(f"{result & 0xFFFFFFFF:#x}")


run_time = ctypes.CDLL(os.path.join(directory, "libcoreclr.so"))
host, domain, count = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_void_p()
must(run_time.coreclr_initialize(
    os.path.realpath(sys.executable).encode(), b"counts", len(properties), strings(properties), strings(properties.values()),
    ctypes.byref(host), ctypes.byref(domain)))
must(run_time.coreclr_create_delegate(
    host, domain, b"System.Private.CoreLib", b"System.Environment", b"get_ProcessorCount", ctypes.byref(count)))
print(f"own={ctypes.CFUNCTYPE(ctypes.c_int)(count.value)()}", flush=True)
# It does not end by itself.
os._exit(0)
