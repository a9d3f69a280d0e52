"""Real microcontrollers, with a source for each figure, and whether a network fits one."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.errors import ConfigError
from nano_u.graph.cost import CostSummary

_KB = 1024
_MB = 1024 * _KB


@dataclass(frozen=True)
class Chip:
    """One part. `arena_bytes` is its largest block of RAM in one piece, which is what a tensor arena can have.

    `external_flash` says that the chip has none of its own and `flash_bytes` is what the usual board carries.
    """

    name: str
    part: str
    core: str
    ram_bytes: int
    arena_bytes: int
    ram_source: str
    flash_bytes: int
    flash_source: str
    clock_hz: int
    clock_source: str
    external_flash: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the three figures come from."""
        return f"RAM: {self.ram_source}; flash: {self.flash_source}; clock: {self.clock_source}"


CHIPS: tuple[Chip, ...] = (
    Chip(
        name="RP2040",
        part="RP2040",
        core="2 x Cortex-M0+",
        ram_bytes=264 * _KB,
        arena_bytes=264 * _KB,
        ram_source="RP2040 Datasheet, section 2.6.2 SRAM (six banks, one contiguous region)",
        flash_bytes=2 * _MB,
        flash_source="Raspberry Pi Pico Datasheet, chapter 1 (board's QSPI flash; the chip addresses 16 MB)",
        clock_hz=133_000_000,
        clock_source="RP2040 Datasheet, chapter 1 Introduction",
        external_flash=True,
    ),
    Chip(
        name="RP2350",
        part="RP2350A",
        core="2 x Cortex-M33F",
        ram_bytes=520 * _KB,
        arena_bytes=520 * _KB,
        ram_source="RP2350 Datasheet, section 4.2 SRAM (ten banks, one contiguous region)",
        flash_bytes=4 * _MB,
        flash_source="Raspberry Pi Pico 2 Datasheet, chapter 1 (board's QSPI flash)",
        clock_hz=150_000_000,
        clock_source="RP2350 Datasheet, chapter 1 Introduction",
        external_flash=True,
    ),
    Chip(
        name="nRF52840",
        part="nRF52840",
        core="Cortex-M4F",
        ram_bytes=256 * _KB,
        arena_bytes=256 * _KB,
        ram_source="nRF52840 Product Specification, Core components, Memory",
        flash_bytes=1 * _MB,
        flash_source="nRF52840 Product Specification, Core components, Memory",
        clock_hz=64_000_000,
        clock_source="nRF52840 Product Specification, Core components, CPU",
    ),
    Chip(
        name="STM32F4",
        part="STM32F407VG",
        core="Cortex-M4F",
        ram_bytes=192 * _KB,
        arena_bytes=128 * _KB,
        ram_source="ST DS8626, Features; RM0090, section 2.3.1 (SRAM1 112 KB + SRAM2 16 KB adjoin, CCM 64 KB apart)",
        flash_bytes=1 * _MB,
        flash_source="ST DS8626, table 2",
        clock_hz=168_000_000,
        clock_source="ST DS8626, Features",
        aliases=("STM32F407",),
    ),
    Chip(
        name="STM32H7",
        part="STM32H743ZI",
        core="Cortex-M7F",
        ram_bytes=1 * _MB,
        arena_bytes=512 * _KB,
        ram_source="ST DS12110, Features and memory section (AXI SRAM 512 KB; TCM, D2 and D3 SRAM lie apart)",
        flash_bytes=2 * _MB,
        flash_source="ST DS12110, Features and device summary",
        clock_hz=480_000_000,
        clock_source="ST DS12110, Features (revision V silicon)",
        aliases=("STM32H743",),
    ),
    Chip(
        name="ESP32-S3",
        part="ESP32-S3-WROOM-1-N8",
        core="2 x Xtensa LX7",
        ram_bytes=512 * _KB,
        arena_bytes=416 * _KB,
        ram_source="ESP32-S3 Technical Reference Manual, System and Memory (SRAM1 416 KB; SRAM0, SRAM2: caches)",
        flash_bytes=8 * _MB,
        flash_source="ESP32-S3-WROOM-1 Datasheet, Series Comparison (N8 module)",
        clock_hz=240_000_000,
        clock_source="ESP32-S3 Series Datasheet, Features, CPU and Memory",
        external_flash=True,
    ),
)


def get_chip(name: str) -> Chip:
    """The chip of that name or part, case and punctuation aside; raises ConfigError listing the known ones."""
    wanted = _plain(name)
    for chip in CHIPS:
        if wanted in {_plain(label) for label in (chip.name, chip.part, *chip.aliases)}:
            return chip
    raise ConfigError(f"unknown target {name!r}; known: {', '.join(chip.name for chip in CHIPS)}")


@dataclass(frozen=True)
class Fit:
    """Whether a network fits a chip: bytes needed and there, and the layer that breaks the budget."""

    chip: Chip
    ram_needed_bytes: int
    flash_needed_bytes: int
    layer: str | None
    reason: str

    @property
    def fits(self) -> bool:
        """Nothing breaks the budget."""
        return self.layer is None


def fits(summary: CostSummary, chip: Chip) -> Fit:
    """Compares the estimated arena with the chip's largest RAM block and the `.tflite` estimate with its flash.

    The rest of the firmware (stack, buffers, the interpreter's code) comes on top of both.
    """
    ram, flash = summary.arena_estimate_bytes, summary.flash_estimate_bytes
    layer, reason = None, "fits"
    if ram > chip.arena_bytes:
        layer = summary.peak_layer
        reason = (
            f"{layer} keeps {summary.peak_activation_bytes:,} bytes live, with the arena's structures {ram:,}; "
            f"the largest block of RAM is {chip.arena_bytes:,}"
        )
    elif flash > chip.flash_bytes:
        layer = summary.heaviest_layer
        reason = f"the model takes {flash:,} bytes of flash, most in {layer}; there are {chip.flash_bytes:,}"
    return Fit(chip, ram, flash, layer, reason)


def _plain(label: str) -> str:
    return "".join(character for character in label.casefold() if character.isalnum())
