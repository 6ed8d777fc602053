"""Writes events.tfevents with TensorBoard's own classes: pip install tensorboard"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

values = [Summary.Value(tag="loss/train", simple_value=1.25), Summary.Value(tag="learning_rate", simple_value=1e-3)]
events = [
    Event(wall_time=1.5, file_version="brain.Event:2"),
    Event(wall_time=2.5, step=301, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=3.5, step=1_000_000, summary=Summary(value=values)),
]
with open(Path(__file__).with_name("events.tfevents"), "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
