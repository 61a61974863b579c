"""Caffe's files: what is read, what lies beside, and what is refused in one line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from published_recordings import REFERENCE  # noqa: F401 - puts reference/ on the path

from vidcolor.errors import WeightsError
from vidcolor.models.families.caffe_eccv import from_caffe, hull_points
from vidcolor.models.weights.caffe import HULL, PROTOTXT, read_prototxt
from vidcolor.models.weights.safe_load import load_checkpoint


def _small(path: Path) -> Path:
    from caffe_file import _field, _layer

    ones = np.arange(6, dtype=np.float32)
    path.write_bytes(_field(1, b"LtoAB") + _layer("bw_conv1_1", "Convolution", [((2, 3), ones)]))
    return path


def test_blobs_are_read_by_layer_whatever_the_files_name(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(_small(tmp_path / "anything.bin"))
    (name,) = checkpoint.state_dict
    assert name == "bw_conv1_1.0"
    assert torch.equal(checkpoint.state_dict[name], torch.arange(6.0).view(2, 3))


def test_colours_are_those_of_the_published_array() -> None:
    points = hull_points().numpy().astype("<i8")
    header = "{'descr': '<i8', 'fortran_order': False, 'shape': (313, 2), }".ljust(69) + "\n"
    file = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    digest = hashlib.sha256(file + points.tobytes()).hexdigest()
    # pts_in_hull.npy as the authors publish it
    assert digest == "b5dec01315c34f43f1c8c089e84c45ae35d1838d8e77ed0e7ca930f79ffa450e"


def test_colours_and_description_beside_the_file_are_found(tmp_path: Path) -> None:
    from caffe_file import prototxt

    path = _small(tmp_path / "colorization_release_v2.caffemodel")
    np.save(tmp_path / f"{HULL}.npy", np.ones((313, 2)))
    (tmp_path / "colorization_deploy_v2.prototxt").write_text(prototxt(224, 224))
    checkpoint = load_checkpoint(path)
    assert checkpoint.state_dict[HULL].shape == (313, 2)
    layers = read_prototxt(Path(checkpoint.metadata[PROTOTXT]))
    assert layers["conv5_1"] == {
        "num_output": 512, "kernel_size": 3, "pad": 2, "stride": 1, "dilation": 2,
    }  # fmt: skip
    changed = prototxt(224, 224).replace("dilation: 2", "dilation: 3")
    Path(checkpoint.metadata[PROTOTXT]).write_text(changed)
    with pytest.raises(WeightsError, match="layer conv5_1 is another"):
        from_caffe(checkpoint)
    Path(checkpoint.metadata[PROTOTXT]).write_text("layer { name: 3 }")
    with pytest.raises(WeightsError, match="not a network description of Caffe"):
        from_caffe(checkpoint)


def test_hostile_and_truncated_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = _small(tmp_path / "net.caffemodel")
    whole = path.read_bytes()
    cases = {
        "cut": whole[:-3],
        "shape": whole.replace(b"\x0a\x02\x02\x03", b"\x0a\x02\x09\x09"),
        "noise": bytes(np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8)),
        "empty": b"\x0a\x05LtoAB",
    }
    for name, data in cases.items():
        assert data != whole
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="net.caffemodel") as caught:
            load_checkpoint(path)
        assert "\n" not in str(caught.value), name
    path.write_bytes(whole)
    (tmp_path / f"{HULL}.npy").write_bytes(b"no array")
    with pytest.raises(WeightsError, match="no array of numbers"):
        load_checkpoint(path)


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(_small(tmp_path / "a.caffemodel"))
    with pytest.raises(WeightsError, match=r"bw_conv1_1.1' is missing"):
        from_caffe(checkpoint)
