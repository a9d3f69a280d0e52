from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.codegen.networks import nano_u_graph

import nano_u.workflows.bundle_folder as bundle_folder
import nano_u.workflows.c_export as c_export
import nano_u.workflows.device_inputs as device_inputs
import nano_u.workflows.witnesses as witnesses
from nano_u.cli.main import main
from nano_u.deploy import AffineQuantization, ReferenceModel, int8_threshold, write_tflite
from nano_u.errors import BudgetError, DeployError
from nano_u.graph import chips
from nano_u.graph.chips import CHIPS, get_chip
from nano_u.reporting.certificate import Certificate, Witness, read_certificate
from nano_u.toolchain import CORES, HOST_COMPILERS, StreamingSources, available, unavailable
from nano_u.workflows.c_export import CBundle

pytestmark = pytest.mark.skipif(not available(HOST_COMPILERS), reason="no C compiler is installed")


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the shared run after `export --c`, and the bundle."""
    root = tmp_path_factory.mktemp("exported")
    run = shutil.copytree(tiny_run, root / "run")
    assert main(["export", str(run), "--c", str(root / "c"), "--quiet"]) == 0
    return run, root / "c"


@pytest.fixture
def bundle(exported: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the bundle that a test may damage."""
    return shutil.copytree(exported[1], tmp_path / "c")


def certificate_of(folder: Path) -> Certificate:
    return read_certificate(folder / "certificate.json")


def test_everything_that_computed_gave_the_bytes_of_the_reference_kernels(exported: tuple[Path, Path]) -> None:
    run, folder = exported
    certificate = certificate_of(folder)
    with np.load(folder / "inputs.npz") as arrays:
        images, real = arrays["images"], int(arrays["real"])
    expected = ReferenceModel((run / "export" / "model.tflite").read_bytes()).predict_int8(images)

    assert certificate.holds
    assert (certificate.real_inputs, certificate.random_inputs) == (real, len(images) - real) == (4, 20)
    by_name = {witness.name: witness for witness in certificate.witnesses}
    assert by_name["reference kernels (BUILTIN_REF)"].sha256 == certificate.expected_sha256
    host = [one for one in certificate.witnesses if one.name.startswith("C, this machine")]
    assert [(one.sha256, one.equal, one.inputs) for one in host] == [(certificate.expected_sha256, True, len(images))]
    from_camera = next(one for one in certificate.witnesses if one.name.startswith("C from camera bytes"))
    assert from_camera.equal
    assert from_camera.inputs == 4
    assert len(np.unique(expected)) > 2  # bytes that could differ
    assert certificate == certificate_of(run / "export")


@pytest.mark.parametrize(
    ("version", "short"),
    [
        ("gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "gcc 12.2.0"),
        ("Debian clang version 14.0.6", "clang 14.0.6"),
        ("Apple clang version 15.0.0 (clang-1500.3.9.4)", "clang 15.0.0"),
        ("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", "gcc 12.2.1"),
        ("something else", "something else"),
    ],
)
def test_a_compiler_is_named_without_its_packaging(version: str, short: str) -> None:
    assert witnesses.short_version(version) == short


def test_a_core_is_called_emulated_only_where_it_is() -> None:
    places = [witnesses.place_of(target) for target in ("host", "cortex-m7", "cortex-m0plus")]

    assert places == ["this machine", "emulated cortex-m7", "cortex-m0plus code on an emulated cortex-m3"]


def test_memory_is_that_of_the_compiled_state_and_far_below_an_interpreters(exported: tuple[Path, Path]) -> None:
    _, folder = exported
    certificate = certificate_of(folder)
    header = (folder / "src" / f"{certificate.c_name}.h").read_text()

    assert f"STATE_BYTES {certificate.memory.state_bytes}\n" in header
    assert certificate.memory.state_bytes == sum(stage.buffer_bytes for stage in certificate.stages) + 2 * len(
        certificate.stages
    )
    assert certificate.memory.ram_bytes < certificate.memory.live_bytes
    assert certificate.macs == sum(stage.macs for stage in certificate.stages)


def test_the_accuracy_is_that_of_evaluate_as_device(
    exported: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = exported
    capsys.readouterr()
    assert main(["evaluate", str(run), "--as-device", "--json", "--output-dir", str(tmp_path)]) == 0
    pooled = json.loads(capsys.readouterr().out)["pooled"]

    accuracy = certificate_of(folder).accuracy
    assert accuracy is not None
    assert accuracy.iou == pytest.approx(pooled["metrics"]["iou"], abs=1e-12)
    assert accuracy.floor == pytest.approx(pooled["floor"]["iou"], abs=1e-12)


def test_the_self_test_of_the_bundle_compiles_and_finds_no_different_byte(bundle: Path, tmp_path: Path) -> None:
    compiler, name = available(HOST_COMPILERS)[0], certificate_of(bundle).c_name
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
    program = tmp_path / "self_test"

    def build_and_run() -> subprocess.CompletedProcess[str]:
        sources = [str(bundle / "src" / f"{name}.c"), str(bundle / "test" / "self_test.c")]
        subprocess.run([compiler.path, *strict, f"-I{bundle / 'src'}", *sources, "-o", str(program)], check=True)
        return subprocess.run([str(program)], capture_output=True, text=True, check=False)

    assert build_and_run().returncode == 0
    vector = bundle / "src" / f"{name}_test_vector.h"
    head, _, numbers = vector.read_text().rpartition("_output[256] = {\n    ")
    first, _, rest = numbers.partition(",")
    vector.write_text(f"{head}_output[256] = {{\n    {int(first) ^ 1},{rest}")
    failed = build_and_run()
    assert failed.returncode == 1
    assert "1 different bytes in 16 of 16 rows" in failed.stdout


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.slow
def test_the_bundle_is_a_cmake_project(bundle: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    for command in (["cmake", "-S", bundle, "-B", build], ["cmake", "--build", build]):
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
    subprocess.run(["ctest", "--test-dir", str(build), "--output-on-failure"], check=True, capture_output=True)


def test_a_camera_a_crop_a_threshold_and_a_chip_reach_the_files(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = dataclasses.replace(get_chip("rp2040"), arena_bytes=100)
    monkeypatch.setattr(chips, "CHIPS", (tiny,))
    run = shutil.copytree(exported[0], tmp_path / "run")
    arguments = ["export", str(run), "--c", str(tmp_path / "c"), "--camera", "rgb565", "--threshold", "0.3"]

    assert main([*arguments, "--target", "rp2040"]) == 1

    certificate = certificate_of(tmp_path / "c")
    ram = certificate.memory.ram_bytes
    assert f"does not fit RP2040: {ram:,} of 100 bytes of RAM" in capsys.readouterr().err
    assert certificate.camera == "rgb565, 16x16"
    assert certificate.accuracy is not None
    assert certificate.accuracy.threshold == 0.3
    record = json.loads((run / "export" / "export.json").read_text())
    readme = (tmp_path / "c" / "README.md").read_text()
    assert f"where the output is at least {record['int8_threshold']} |" in readme
    assert record["int8_threshold"] != int8_threshold(0.5, AffineQuantization(**record["output_quantization"]))


def test_a_crop_is_proven_and_has_no_accuracy(
    exported: tuple[Path, Path], tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tiny_dataset / "test").rglob("*.png"):
        Image.open(path).resize((24, 20), Image.Resampling.NEAREST).save(path)
    model = str(exported[0] / "export" / "model.tflite")
    arguments = ["export", model, "--data", str(tiny_dataset), "--c"]

    assert main([*arguments, str(tmp_path / "c"), "--crop", "3,2,16,17"]) == 0
    certificate = certificate_of(tmp_path / "c")
    assert certificate.camera == "rgb888, 24x20, 16x17 from (3, 2)"
    assert certificate.accuracy is None
    assert any(one.name.startswith("C from camera bytes") and one.equal for one in certificate.witnesses)

    capsys.readouterr()
    assert main([*arguments, str(tmp_path / "d"), "--crop", "3,2,16,19"]) == 2
    assert "reaches beyond its 24x20 pixels" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "d"), "--crop", ""]) == 2
    assert "'' is not LEFT,TOP,WIDTH,HEIGHT" in capsys.readouterr().err


def test_ram_counts_the_cameras_state_and_the_row_that_it_makes(exported: tuple[Path, Path]) -> None:
    certificate = certificate_of(exported[1])
    source = (exported[1] / "src" / f"{certificate.c_name}_camera.c").read_text()
    found = re.search(r"camera_state_is_(\d+)_bytes", source)

    assert found is not None
    assert certificate.memory.camera_bytes == int(found[1]) + 16 * 3


@pytest.mark.parametrize("full", [False, True])
def test_verify_lets_everything_compute_that_export_did(
    bundle: Path, full: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [one.name for one in certificate_of(bundle).witnesses]
    monkeypatch.setenv("COLUMNS", "200")
    if full:
        monkeypatch.setattr(witnesses, "CORES", ())
        names = [name for name in names if "emulated" not in name] + ["-O3", "sanitized"]

    assert main(["verify", str(bundle), *(["--full"] if full else [])]) == 0

    printed = capsys.readouterr().out
    assert [name for name in names if name not in printed] == []


def test_verify_repeats_it_without_the_data_and_writes_nothing(
    bundle: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert main(["verify", str(bundle)]) == 0

    assert "Proven: " in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("src/{name}.c", "was changed"),
        ("src/{name}_camera.h", "was changed"),
        ("model.tflite", "was changed"),
        ("certificate.json", "certificate.json"),
        ("inputs.npz", "was changed"),
        ("src/{name}_test_vector.h", "was changed"),
        ("test/self_test.c", "was changed"),
        ("examples/self_test/self_test.ino", "was changed"),
    ],
)
def test_a_damaged_file_is_named(bundle: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle / name.format(name=certificate_of(bundle).c_name)
    content = path.read_bytes()
    path.write_bytes(content[:-40])

    assert main(["verify", str(bundle)]) == 1
    error = capsys.readouterr().err
    assert path.name in error
    assert said in error

    path.write_bytes(b"\xff" + content)
    assert main(["verify", str(bundle)]) == 1
    assert path.name in capsys.readouterr().err
    path.unlink()
    assert main(["verify", str(bundle)]) == 1
    assert path.name in capsys.readouterr().err


@pytest.mark.parametrize("left", [[], ["model.tflite", "inputs.npz"]])
def test_a_certificate_that_names_too_few_files_proves_nothing(
    bundle: Path, left: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = bundle / "certificate.json"
    record = json.loads(path.read_text())
    record["files_sha256"] = {name: record["files_sha256"][name] for name in left}
    path.write_text(json.dumps(record))

    assert main(["verify", str(bundle)]) == 1
    assert "does not name all files" in capsys.readouterr().err


def test_verify_tells_the_counts_of_what_it_computed(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle / "certificate.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "real_inputs": 10**6, "random_inputs": 10**7, "macs": 10**12}))
    assert c_export.verify_bundle(bundle).macs == record["macs"]

    assert main(["verify", str(bundle)]) == 0

    assert "gave the same bytes on up to 4 images and 20 random inputs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": 0, "real": 0, "frames": None}, "holds 0 inputs, of these 0 images"),
        ({"real": 25}, "holds 24 inputs, of these 25 images"),
        ({"real": -1}, "holds 24 inputs, of these -1 images"),
        ({"real": 3}, "holds 4 camera pictures of 3 images"),
        ({"frames": 0}, "holds 0 camera pictures of 4 images"),
        ({"frames": None}, "holds no camera pictures"),
        ({"images": None}, "cannot be read ('images')"),
    ],
)
def test_inputs_that_prove_less_than_is_told_are_refused(
    bundle: Path, changed: dict[str, int | None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(bundle / "inputs.npz") as arrays:
        kept = {name: array for name, array in arrays.items() if changed.get(name, 0) is not None}
    for name in changed.keys() & kept.keys():
        kept[name] = np.array(changed[name]) if name == "real" else kept[name][: changed[name]]
    np.savez_compressed(bundle / "inputs.npz", **kept)
    record = json.loads((bundle / "certificate.json").read_text())
    record["files_sha256"]["inputs.npz"] = hashlib.sha256((bundle / "inputs.npz").read_bytes()).hexdigest()
    (bundle / "certificate.json").write_text(json.dumps(record))

    assert main(["verify", str(bundle)]) == 1

    assert f"inputs.npz: {said}" in capsys.readouterr().err


def test_no_more_camera_pictures_are_kept_and_certified_than_verify_reads(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = str(exported[0] / "export" / "model.tflite"), tmp_path / "c"
    limit = device_inputs.NPZ_HEADERS + (24 + 3) * 16 * 16 * 3
    for module in (device_inputs, bundle_folder):
        monkeypatch.setattr(module, "MOST_INPUT_BYTES", limit)

    assert main(["export", model, "--c", str(folder)]) == 0

    row = next(one for one in certificate_of(folder).witnesses if one.name.startswith("C from camera bytes"))
    assert row.name.startswith("C from camera bytes (3 of 4 fit inputs.npz), ")
    assert (row.inputs, row.equal) == (3, True)
    assert main(["verify", str(folder)]) == 0
    monkeypatch.setattr(bundle_folder, "MOST_INPUT_BYTES", limit - device_inputs.NPZ_HEADERS)
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 1
    assert f"inputs.npz: cannot be read (unpacks to more than {limit - device_inputs.NPZ_HEADERS:,} bytes" in (
        capsys.readouterr().err
    )


def test_readme_and_build_files_are_the_owners_to_change(bundle: Path) -> None:
    for name in ("README.md", "CMakeLists.txt", "library.properties"):
        (bundle / name).write_text("mine\n")

    assert main(["verify", str(bundle)]) == 0


def test_what_is_no_bundle_is_not_written_over(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tflite = str(exported[0] / "export" / "model.tflite")
    mine = tmp_path / "firmware"
    mine.mkdir()
    (mine / "README.md").write_text("mine\n")

    assert main(["export", tflite, "--c", str(mine)]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert main(["export", tflite, "--c", str(mine / "README.md")]) == 1
    assert "is a file" in capsys.readouterr().err
    monkeypatch.setattr(c_export, "witnesses", lambda *arguments, **options: pytest.fail("proven for nothing"))
    assert main(["export", tflite, "--c", str(mine / "README.md" / "a" / "c")]) == 1
    assert f"{mine / 'README.md'}: is a file" in capsys.readouterr().err
    assert [path.read_text() for path in mine.iterdir()] == ["mine\n"]


@pytest.mark.parametrize("step", ["witnesses", "stage_instructions", "available"])
def test_an_export_that_fails_leaves_the_earlier_bundle_whole(
    bundle: Path, step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise DeployError("the compiler is gone")

    monkeypatch.setattr(c_export, step, fails)
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}

    assert main(["export", str(bundle / "model.tflite"), "--c", str(bundle)]) == 1

    assert "the compiler is gone" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == before


def test_a_bundles_own_model_can_be_proven_into_it_again(bundle: Path) -> None:
    assert main(["export", str(bundle / "model.tflite"), "--c", str(bundle)]) == 0
    assert main(["verify", str(bundle)]) == 0


def test_a_bundle_written_over_another_leaves_none_of_its_sources(bundle: Path, exported: tuple[Path, Path]) -> None:
    alone = bundle.parent / "other.tflite"
    shutil.copy(exported[0] / "export" / "model.tflite", alone)

    assert main(["export", str(alone), "--c", str(bundle)]) == 0

    assert {path.name for path in (bundle / "src").iterdir()} == {"other.c", "other.h", "other_test_vector.h"}
    assert main(["verify", str(bundle)]) == 0


def test_outputs_that_are_not_those_of_the_certificate_fail(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle / "certificate.json"
    record = json.loads(path.read_text())
    record["expected_sha256"] = "0" * 64
    path.write_text(json.dumps(record))

    assert main(["verify", str(bundle)]) == 1
    captured = capsys.readouterr()
    assert "DIFFERENT" in captured.out
    assert "the certificate's own outputs" in captured.err


def test_c_that_computes_other_bytes_is_told_after_the_files_are_written(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generate = c_export.generate_c

    def broken(plan: object, name: str) -> StreamingSources:
        sources = generate(plan, name)  # type: ignore[arg-type]
        wrong = sources.source.replace("emit(context,", "s->output_row[0] ^= 1; emit(context,", 1)
        assert wrong != sources.source
        return dataclasses.replace(sources, source=wrong)

    monkeypatch.setattr(c_export, "generate_c", broken)
    assert main(["export", str(exported[0] / "export" / "model.tflite"), "--c", str(tmp_path / "c")]) == 1

    captured = capsys.readouterr()
    assert "not safe to deploy" in captured.err
    certificate = certificate_of(tmp_path / "c")
    assert not certificate.holds
    assert all(one.name.startswith("C") for one in certificate.broken)


def test_a_tflite_without_data_is_proven_on_noise(
    exported: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "Other-Net.tflite"
    shutil.copy(exported[0] / "export" / "model.tflite", alone)

    assert main(["export", str(alone), "--c", str(tmp_path / "c")]) == 0

    certificate = certificate_of(tmp_path / "c")
    assert (certificate.real_inputs, certificate.random_inputs) == (0, 24)
    assert certificate.camera is None
    assert certificate.accuracy is None
    assert (tmp_path / "c" / "src" / f"{certificate.c_name}.c").is_file()
    assert "no camera: there is no data" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "c")]) == 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--camera", "rgb888"], "--camera"),
        (["--split", "test"], "--split"),
        (["--crop", "0,0,99,99", "--camera", "yuyv"], "--camera, --crop"),
    ],
)
def test_what_is_about_images_needs_them(
    exported: tuple[Path, Path], tmp_path: Path, given: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Path(shutil.copy(exported[0] / "export" / "model.tflite", tmp_path / "alone.tflite"))

    assert main(["export", str(alone), "--c", str(tmp_path / "c"), *given]) == 2

    assert f"{named}: about images, and {alone} has none; add --data DIR" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_images_of_several_sizes_are_no_cameras(
    exported: tuple[Path, Path], tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tiny_dataset / "test").iterdir():
        first = min(folder.iterdir())
        Image.open(first).resize((32, 32), Image.Resampling.NEAREST).save(first)
    model = exported[0] / "export" / "model.tflite"

    assert main(["export", str(model), "--data", str(tiny_dataset), "--c", str(tmp_path / "c")]) == 0

    certificate = certificate_of(tmp_path / "c")
    assert certificate.camera is None
    assert certificate.accuracy is None
    assert certificate.real_inputs == 4
    assert "several sizes (16x16, 32x32)" in capsys.readouterr().out


def test_without_a_compiler_the_rest_is_proven(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnesses, "available", lambda names: ())

    assert main(["export", str(exported[0] / "export" / "model.tflite"), "--c", str(tmp_path / "c")]) == 0

    certificate = certificate_of(tmp_path / "c")
    assert certificate.holds
    (host,) = (one for one in certificate.witnesses if one.name == "C, this machine")
    assert host.not_run == "not run: no C compiler is installed (gcc, clang or cc)"


def test_where_no_c_can_run_nothing_is_proven(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(bundle))

    assert main(["verify", str(bundle)]) == 1
    assert "Not proven: the C was not run" in capsys.readouterr().err


def test_a_chip_that_has_too_little_is_told_with_the_numbers(bundle: Path) -> None:
    certificate = certificate_of(bundle)
    memory = certificate.memory
    just = dataclasses.replace(CHIPS[0], arena_bytes=memory.ram_bytes, flash_bytes=memory.flash_bytes)

    CBundle(bundle, certificate, chip=just).raise_unfit()
    with pytest.raises(BudgetError, match=f"{memory.ram_bytes:,} of {memory.ram_bytes - 1:,} bytes of RAM"):
        CBundle(bundle, certificate, chip=dataclasses.replace(just, arena_bytes=memory.ram_bytes - 1)).raise_unfit()
    with pytest.raises(BudgetError, match=f"{memory.flash_bytes:,} of {memory.flash_bytes - 1:,} bytes of flash"):
        CBundle(bundle, certificate, chip=dataclasses.replace(just, flash_bytes=memory.flash_bytes - 1)).raise_unfit()


def test_how_a_chip_fits_says_on_which_core_stack_and_code_were_measured(bundle: Path) -> None:
    certificate = certificate_of(bundle)
    readme = (bundle / "README.md").read_text()

    if certificate.memory.stack_bytes is None:
        pytest.skip("no core can be emulated")
    fit = CBundle(bundle, certificate, chip=get_chip("esp32s3")).fit
    assert fit is not None
    assert "bytes of RAM with stack (emulated cortex-m7), " in fit
    assert fit.endswith("bytes of flash with code (emulated cortex-m7, without memcpy and memset)")
    assert f"{certificate.memory.stack_bytes:,} stack (emulated cortex-m7) |" in readme
    assert f"{certificate.memory.code_bytes:,} code (emulated cortex-m7, without memcpy and memset) |" in readme


def test_the_deepest_stack_and_the_longest_code_may_be_of_two_cores(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*arguments: object, **options: object) -> tuple[Witness, ...]:
        costs = [(200, 5_000, "a"), (300, 4_000, "b"), (None, None, "here")]
        return tuple(
            Witness(place, 1, "", True, stack_bytes=stack, code_bytes=code, of_c=True, place=place)
            for stack, code, place in costs
        )

    monkeypatch.setattr(c_export, "witnesses", found)
    assert main(["export", str(exported[0] / "export" / "model.tflite"), "--c", str(tmp_path / "c")]) == 0

    memory = certificate_of(tmp_path / "c").memory
    assert (memory.stack_bytes, memory.stack_place) == (300, "b")
    assert (memory.code_bytes, memory.code_place) == (5_000, "a")


def test_how_a_chip_fits_says_what_was_not_measured(bundle: Path) -> None:
    certificate = certificate_of(bundle)
    unmeasured = dataclasses.replace(certificate.memory, stack_bytes=None, code_bytes=None)

    fit = CBundle(bundle, dataclasses.replace(certificate, memory=unmeasured), chip=CHIPS[0]).fit

    assert fit is not None
    assert "without stack, which was not measured here" in fit
    assert "without code, which was not measured here" in fit


def test_an_exported_tflite_keeps_its_name_and_threshold(exported: tuple[Path, Path], tmp_path: Path) -> None:
    tflite = exported[0] / "export" / "model.tflite"
    record = json.loads((tflite.parent / "export.json").read_text())
    facts = c_export.facts_beside(tflite)
    shutil.copy(tflite, tmp_path / "alone.tflite")

    assert (facts.name, facts.threshold) == (record["model"], record["int8_threshold"])
    assert c_export.facts_beside(tmp_path / "alone.tflite").name == "alone"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", 5),
        ("int8_threshold", "many"),
        ("int8_threshold", True),
        ("int8_threshold", 1.5),
        ("probability_threshold", "x"),
        ("probability_threshold", 1.5),
        ("probability_threshold", None),
    ],
)
def test_a_damaged_record_of_an_exported_tflite_is_refused_by_its_key(
    exported: tuple[Path, Path], tmp_path: Path, key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("model.tflite", "export.json"):
        shutil.copy(exported[0] / "export" / name, tmp_path)
    record = json.loads((tmp_path / "export.json").read_text())
    (tmp_path / "export.json").write_text(json.dumps({**record, key: value}))

    assert main(["export", str(tmp_path / "model.tflite"), "--c", str(tmp_path / "c")]) == 1

    assert f"export.json: {key} is {value!r}, which no export writes" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "{", "{}"])
def test_what_is_no_record_is_said_and_the_files_own_name_used(
    exported: tuple[Path, Path], tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    tflite = Path(shutil.copy(exported[0] / "export" / "model.tflite", tmp_path / "alone.tflite"))
    (tmp_path / "export.json").write_text(content)

    assert c_export.facts_beside(tflite) == c_export.ExportFacts("alone")
    assert "export.json: is no record of alone.tflite" in caplog.text


@pytest.mark.parametrize(
    ("count", "real", "most", "chosen"),
    [
        (24, 20, 6, [0, 1, 2, 20, 21, 22]),
        (24, 0, 6, [0, 1, 2, 3, 4, 5]),
        (100, 80, 20, [*range(10), *range(80, 90)]),
        (3, 1, 6, [0, 1, 2]),
        (20, 20, 6, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_an_emulated_core_gets_images_and_noise(count: int, real: int, most: int, chosen: list[int]) -> None:
    assert witnesses.emulated_inputs(count, real, most) == chosen


@pytest.mark.parametrize("flag", ["--keras", "--probabilities", "--sensitivity", "--choose-threshold"])
def test_a_tflite_is_not_converted_again(
    exported: tuple[Path, Path], tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(exported[0] / "export" / "model.tflite")

    assert main(["export", model, "--c", str(tmp_path / "c"), flag, "--max-iou-drop", "0"]) == 2
    error = capsys.readouterr().err
    assert flag in error
    assert "--max-iou-drop" in error


@pytest.mark.parametrize("flag", [["--target", "rp2040"], ["--full"], ["--camera", "rgb565"], ["--crop", "0,0,8,8"]])
def test_what_is_about_c_files_needs_them(tiny_run: Path, flag: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tiny_run), *flag]) == 2
    assert "--c DIR" in capsys.readouterr().err


@pytest.mark.slow
def test_after_shrinking_and_after_training_for_int8_the_bytes_are_the_same(tiny_run: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    fast = ("--steps", "2", "--tuning-epochs", "0", "--final-epochs", "0", "--max-iou-drop", "1")
    assert (
        main(["shrink", str(tiny_run), "--run-dir", str(small), *fast, "--qat", "--set", "quantization.epochs=1"]) == 0
    )

    assert main(["export", str(small), "--c", str(tmp_path / "c"), "--full"]) == 0

    certificate = certificate_of(tmp_path / "c")
    assert certificate.holds
    assert main(["verify", str(tmp_path / "c")]) == 0


@pytest.mark.slow
def test_the_default_network_is_proven_with_every_compiler_and_on_every_core(tmp_path: Path) -> None:
    tflite = tmp_path / "default.tflite"
    tflite.write_bytes(write_tflite(nano_u_graph()))

    assert main(["export", str(tflite), "--c", str(tmp_path / "c"), "--full"]) == 0

    certificate = certificate_of(tmp_path / "c")
    assert certificate.random_inputs == 100
    assert certificate.memory.state_bytes == 23_190
    ran = {one.name: one for one in certificate.witnesses if one.not_run is None}
    assert all(one.equal for one in ran.values())
    for core in CORES:
        if unavailable(core) is None:
            (witness,) = (one for name, one in ran.items() if f"C, {witnesses.place_of(core.name)}," in name)
            assert witness.inputs == 20
            assert (witness.stack_bytes or 0) < 1024
    assert certificate.memory.ram_bytes <= 27 * 1024
