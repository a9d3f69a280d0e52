from __future__ import annotations

import dataclasses

import keras
import pytest

from nano_u.errors import ModelError
from nano_u.graph import Architecture, bu_net, nano_u
from nano_u.graph.cost import parameters
from nano_u.models import architecture_of, build_model, count_parameters

RECORDS = {
    "nano_u": nano_u((16, 16, 3), (2, 3), 4),
    "skips": nano_u((16, 16, 3), (2, 3), 4, skips=True),
    "after_pointwise": nano_u((12, 8, 3), (2, 3), 4, upsample="after_pointwise", pool_sizes=[2, (3, 2)]),
    "probes": nano_u((8, 8, 3), (2,), 3, enable_probes=True),
    "bu_net": bu_net((8, 8, 3), (2, 3), 4),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_built_model_describes_itself_as_its_record(record: Architecture) -> None:
    described = architecture_of(build_model(record))

    assert described.shapes == record.shapes
    assert [dataclasses.replace(node, parameters=None) for node in described.nodes] == list(record.nodes)
    assert described.outputs == record.outputs


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_the_record_counts_the_parameters_that_keras_counts(record: Architecture) -> None:
    assert sum(parameters(record, node) for node in record.nodes) == count_parameters(build_model(record))


def test_a_subclassed_model_cannot_be_described() -> None:
    class Code(keras.Model):
        def call(self, inputs: object) -> object:
            return inputs

    with pytest.raises(ModelError, match="only functional and sequential models"):
        architecture_of(Code(name="code"))
