"""Streaming networks as C, compiled: run on the machine at hand and, bare-metal, on boards that QEMU emulates."""

from nano_u.toolchain.camera_network import CameraConversion, CameraNetwork, behind_camera
from nano_u.toolchain.compilers import ARM_COMPILER, HOST_COMPILERS, Compiler, available, find_compiler, host_compiler
from nano_u.toolchain.core import CORES, Board, Core, core_named
from nano_u.toolchain.emulator import EMULATOR, BoardTooSmallError, EmulatedRun, emulate, unavailable
from nano_u.toolchain.host_build import HostBuild, host_build
from nano_u.toolchain.images import sha256_of
from nano_u.toolchain.matrix import MatrixRow, emulated_matrix, host_matrix
from nano_u.toolchain.sources import StreamingSources

__all__ = [
    "ARM_COMPILER",
    "CORES",
    "EMULATOR",
    "HOST_COMPILERS",
    "Board",
    "BoardTooSmallError",
    "CameraConversion",
    "CameraNetwork",
    "Compiler",
    "Core",
    "EmulatedRun",
    "HostBuild",
    "MatrixRow",
    "StreamingSources",
    "available",
    "behind_camera",
    "core_named",
    "emulate",
    "emulated_matrix",
    "find_compiler",
    "host_build",
    "host_compiler",
    "host_matrix",
    "sha256_of",
    "unavailable",
]
