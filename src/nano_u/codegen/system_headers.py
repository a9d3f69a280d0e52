"""Headers that a model's own must not hide: compilers find what lies beside the sources first."""

from __future__ import annotations

# fmt: off
_C = (
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "math", "setjmp",
    "signal", "stdalign", "stdarg", "stdatomic", "stdbit", "stdbool", "stdckdint", "stddef", "stdint", "stdio",
    "stdlib", "stdnoreturn", "string", "tgmath", "threads", "time", "uchar", "wchar", "wctype",
)
_COMPILERS = (
    "arm_acle", "arm_bf16", "arm_cde", "arm_cmse", "arm_fp16", "arm_mve", "arm_mve_types", "arm_neon", "arm_sve",
    "cet", "cpuid", "gcov", "immintrin", "mm_malloc", "mmintrin", "new", "omp", "quadmath", "riscv_vector", "stdfix",
    "syslimits", "unwind", "varargs", "x86intrin", "xtensa",
)
_GLIBC = (
    "aio", "aliases", "alloca", "ar", "argp", "argz", "byteswap", "cpio", "dirent", "dlfcn", "elf", "endian", "envz",
    "err", "error", "execinfo", "fcntl", "features", "features_time64", "fmtmsg", "fnmatch", "fpu_control", "fstab",
    "fts", "ftw", "gconv", "getopt", "glob", "gnu_versions", "grp", "gshadow", "iconv", "ieee754", "ifaddrs",
    "langinfo", "lastlog", "libgen", "libintl", "link", "malloc", "mcheck", "memory", "mntent", "monetary", "mqueue",
    "ndbm", "netdb", "nl_types", "nss", "obstack", "paths", "poll", "printf", "proc_service", "pthread", "pty", "pwd",
    "re_comp", "regex", "regexp", "resolv", "sched", "search", "semaphore", "sgtty", "shadow", "spawn", "stab",
    "stdio_ext", "strings", "syscall", "sysexits", "syslog", "tar", "termio", "termios", "thread_db", "ttyent",
    "ucontext", "ulimit", "unistd", "utime", "utmp", "utmpx", "values", "wait", "wordexp",
)
_NEWLIB = ("devctl", "envlock", "fastmath", "ieeefp", "newlib", "picolibc", "reent", "regdef", "unctrl")
_APPLE = ("assertmacros", "availability", "availabilitymacros", "block", "libc", "targetconditionals", "xlocale")
_ARDUINO = (
    "api", "arduino", "binary", "client", "common", "compat", "core", "eeprom", "esp", "fs", "hardwarei2c",
    "hardwareserial", "hardwarespi", "interrupts", "ipaddress", "itoa", "main", "mbed", "pgmspace", "pins_arduino",
    "pluggableusb", "print", "printable", "ringbuffer", "sd", "serial", "server", "servo", "spi", "stream", "tone",
    "udp", "usb", "usbapi", "variant", "wcharacter", "wifi", "wire", "wiring", "wmath", "wprogram", "wstring",
)
_REAL_TIME_SYSTEMS = (
    "cmsis_compiler", "cmsis_gcc", "cmsis_os", "cmsis_version", "device", "freertos", "freertosconfig", "queue",
    "sdkconfig", "semphr", "task", "timers",
)
# fmt: on

SYSTEM_HEADERS = frozenset((*_C, *_COMPILERS, *_GLIBC, *_NEWLIB, *_APPLE, *_ARDUINO, *_REAL_TIME_SYSTEMS))
"""Lower-case names without `.h`, as `model_identifier` would spell them: some file systems do not tell case apart."""
