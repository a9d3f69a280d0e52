from __future__ import annotations

import threading
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.capture.layer_tree import LayerEntry, layer_tree
from nano_u.capture.recorder import CallRecorder, ForwardPass, Hooks


def model() -> keras.Model:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="dense"), layers.ReLU(name="relu")], name="inner")
    inputs = keras.Input((4,), name="vector")
    return keras.Model(inputs, layers.Dense(1, name="logits")(inner(inputs)), name="net")


def recorder_of(net: keras.Model) -> CallRecorder:
    return CallRecorder(net, layer_tree(net))


def assert_untouched(net: keras.Model) -> None:
    assert not any("call" in vars(layer) for layer in net._flatten_layers())


X = np.ones((2, 4), np.float32)


def test_calls_are_recorded_in_the_order_in_which_they_end() -> None:
    net = model()

    with recorder_of(net).recording() as forward:
        output = net(X)

    assert [call.entry.path for call in forward.calls] == ["inner/dense", "inner/relu", "inner", "logits"]
    assert [call.entry.path for call in forward.own_calls] == [""]
    assert forward.outputs() == {"": output}
    assert forward.calls[1].inputs[0] is forward.calls[0].outputs[0]
    assert forward.calls[2].outputs[0] is forward.calls[1].outputs[0]
    assert [tuple(tensor.shape) for tensor in forward.inputs] == [(2, 4)]
    assert_untouched(net)


def test_the_model_is_restored_after_an_exception() -> None:
    net = model()

    with pytest.raises(ValueError, match="incompatible"), recorder_of(net).recording():
        net(np.ones((2, 5), np.float32))
    assert_untouched(net)
    recorder = recorder_of(net)
    with pytest.raises(ZeroDivisionError), recorder.recording():
        _ = 1 // 0
    assert_untouched(net)


def test_calls_of_one_layer_twice_and_of_the_model_outside_are_told_apart() -> None:
    net = model()
    recorder = recorder_of(net)

    with recorder.recording() as forward:
        net(X)
        net.get_layer("logits")(np.ones((1, 3), np.float32))
    before = len(forward.calls)
    net(X)

    assert [call.entry.path for call in forward.calls].count("logits") == 2
    assert len(forward.calls) == before


def test_tensors_given_by_keyword_are_inputs_but_masks_and_modes_are_not() -> None:
    class Keywords(layers.Layer):
        supports_masking = True

        def call(self, x: Any, *, other: Any = None, mask: Any = None, training: Any = None) -> Any:
            return x + other

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.inner = Keywords(name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x, other=2 * x, mask=x > 0, training=True)

    net = Net()
    with recorder_of(net).recording() as forward:
        net(X)

    assert [float(tf.reduce_mean(tensor)) for tensor in forward.calls[0].inputs] == [1.0, 2.0]


def test_runs_on_made_up_tensors_that_build_a_model_are_not_recorded() -> None:
    class Late(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="late")
            self.dense = layers.Dense(2, name="dense")

        def call(self, x: Any) -> Any:
            return self.dense(x)

    net = Late()
    with recorder_of(net).recording() as forward:
        output = net(X)

    assert len(forward.calls) == len(forward.own_calls) == 1
    assert forward.outputs() == {"": output}


def test_a_call_that_the_user_put_on_a_layer_is_used_and_stays() -> None:
    net = model()
    relu = net.get_layer("inner").get_layer("relu")

    def call(x: Any) -> Any:
        return x * 0 + 7

    relu.call = call
    with recorder_of(net).recording() as forward:
        net(X)

    assert vars(relu)["call"] is call
    assert float(tf.reduce_max(forward.calls[1].outputs[0])) == 7


def test_recordings_may_be_nested_and_each_gets_its_calls() -> None:
    net = model()
    outer_recorder, inner_recorder = recorder_of(net), recorder_of(net)

    with outer_recorder.recording() as outer:
        with inner_recorder.recording() as inner:
            net(X)
        net(X)

    assert len(inner.calls) == 4
    assert len(outer.calls) == 8
    assert_untouched(net)


def test_one_recorder_may_be_entered_twice() -> None:
    net = model()
    recorder = recorder_of(net)

    with recorder.recording() as outer:
        with recorder.recording() as inner:
            net(X)
        net(X)

    assert len(outer.calls) == len(inner.calls) == 4
    assert_untouched(net)


def test_each_thread_records_its_own_calls() -> None:
    net = model()
    recorder = recorder_of(net)
    both_recording = threading.Barrier(2)
    passes: dict[int, ForwardPass] = {}

    def work(count: int) -> None:
        with recorder.recording() as forward:
            both_recording.wait(10)
            for _ in range(count):
                net(X)
            both_recording.wait(10)
        passes[count] = forward

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert {count: len(forward.own_calls) for count, forward in passes.items()} == {1: 1, 3: 3}
    assert_untouched(net)


def test_hooks_run_around_every_call() -> None:
    net = model()
    seen: list[tuple[str, str]] = []

    def note(when: str) -> Any:
        def hook(forward: ForwardPass, entry: LayerEntry, tensors: tuple[Any, ...]) -> None:
            seen.append((when, entry.path))

        return hook

    with recorder_of(net).recording(Hooks(before=note("before"), after=note("after"))):
        net(X)

    assert seen == [
        *(("before", ""), ("before", "inner"), ("before", "inner/dense"), ("after", "inner/dense")),
        *(("before", "inner/relu"), ("after", "inner/relu"), ("after", "inner")),
        *(("before", "logits"), ("after", "logits"), ("after", "")),
    ]


def test_several_outputs_have_the_models_names() -> None:
    inputs = keras.Input((4,))
    outputs = [layers.Dense(1, name="mask")(inputs), layers.Dense(2, name="edge")(inputs)]
    net = keras.Model(inputs, outputs)

    with recorder_of(net).recording() as forward:
        net(X)

    assert {name: tuple(tensor.shape) for name, tensor in forward.outputs().items()} == {"mask": (2, 1), "edge": (2, 2)}
