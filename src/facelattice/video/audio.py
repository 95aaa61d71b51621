"""The sound of a video, laid under images that are written already: whatever is wrong with it, those are whole.

add_audio(Path("images.mp4"), Path("clip.mkv"), Path("clip_faces.mp4"))
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from facelattice.video.reader import import_av

# What MP4 takes as it is; other sound is made AAC. So is MP3, which MP4 takes only from 16 kHz on.
COPIED = ("aac", "ac3", "alac", "eac3", "flac", "opus")
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # samples a second
HOLE = 0.1  # seconds of missing sound that stay silent; a smaller step is that of a coarse clock, such as AVI's
JOINT = 1.0  # seconds by which a clock goes back where two files were joined into one


def add_audio(images: Path, source: Path, out: Path, offset: float = 0.0, until: float = math.inf) -> bool:
    """Write an MP4 file with the images of one file and the first sound track of another; False where it has none.

    offset: the time in ``source``, seconds, at which the first image lies. until: where the sound ends, in seconds
    from there. What of the sound cannot be read is left out. Raises OSError, ValueError or one of PyAV's errors where
    the file cannot be written, for want of room or for what the sound is.
    """
    av = import_av()
    with av.open(str(images.absolute())) as seen, av.open(str(source.absolute())) as heard:
        stream = next(iter(heard.streams.audio), None)
        if stream is None or stream.codec_context is None:  # silent, or in a codec that nobody knows
            return False
        packets = _steady(_readable(heard.demux(stream), av.error.FFmpegError))
        with av.open(str(out.absolute()), "w", format="mp4") as file:
            video = file.add_stream_from_template(seen.streams.video[0])
            video.time_base = seen.streams.video[0].time_base
            if stream.codec_context.name in COPIED:
                audio = file.add_stream_from_template(stream)
                sound = _copied(packets, offset, until)
            else:
                audio = file.add_stream("aac", rate=min((r for r in AAC_RATES if r >= stream.rate), default=48000))
                frames = _alike(_decoded(packets, av.error.FFmpegError), av, audio)
                sound = _encoded(frames, offset, until, audio)
            shown = ((packet, video) for packet in seen.demux(video=0) if packet.size)
            for packet, target in heapq.merge(shown, ((packet, audio) for packet in sound), key=_when):
                packet.stream = target
                try:
                    file.mux(packet)
                except av.error.FFmpegError:
                    if target is video:  # a packet of sound may be damaged; for want of room images would fail too
                        raise
    return True


def _when(item: tuple[Any, Any]) -> Fraction:
    packet, _ = item
    return packet.dts * packet.time_base


def _readable(packets: Iterator[Any], failure: type[Exception]) -> Iterator[Any]:
    """The packets up to the end, or to where no more can be read."""
    while True:
        try:
            packet = next(packets, None)
        except failure:
            return
        if packet is None or packet.size == 0:
            return
        yield packet


def _steady(packets: Iterator[Any]) -> Iterator[Any]:
    """The packets but those whose time is a slip: it is far from where the one before ended, and the next is not."""
    ended: int | None = None
    for packet, following in pairwise(chain(packets, [None])):
        if packet.pts is not None:
            if ended is not None and following is not None and following.pts is not None:
                near = JOINT / packet.time_base
                if abs(following.pts - ended) < near <= abs(packet.pts - ended):
                    continue
            ended = packet.pts + (packet.duration or 0)
        yield packet


def _copied(packets: Iterator[Any], offset: float, until: float) -> Iterator[Any]:
    """The packets as they are, on the clock of the images, which only goes forward: MP4 takes no other."""
    last: int | None = None
    shift: int | None = None
    for packet in packets:
        if packet.pts is None:  # there is no saying when it is
            continue
        if shift is None:
            shift = round(offset / packet.time_base)
        time = packet.pts - shift
        if last is not None and time < last - JOINT / packet.time_base:
            shift -= last + (packet.duration or 1) - time
            time = packet.pts - shift
        elif last is not None and time <= last:  # a clock that counts coarsely
            time = last + 1
        if time < 0:
            continue
        if time * packet.time_base > until:
            return
        packet.pts = packet.dts = last = time
        yield packet


def _decoded(packets: Iterator[Any], failure: type[Exception]) -> Iterator[Any]:
    for packet in packets:
        with suppress(failure):
            yield from packet.decode()


def _alike(frames: Iterator[Any], av: Any, audio: Any) -> Iterator[Any]:
    """The frames as the encoder wants them; in recordings of television their kind may change from one to the next."""
    kind: tuple[str, str, int] | None = None
    resampler: Any = None
    for frame in frames:
        if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
            kind = frame.format.name, frame.layout.name, frame.sample_rate
            resampler = av.AudioResampler(audio.format.name, audio.layout.name, audio.rate)
        yield from resampler.resample(frame)


def _encoded(frames: Iterator[Any], offset: float, until: float, audio: Any) -> Iterator[Any]:
    """The frames as packets of AAC. Their samples are what tells the time, as long as the clock says about the same."""
    now: Fraction | None = None
    shift, before = Fraction(offset), None
    for frame in frames:
        # A clock that stands still, or counts coarsely, says nothing.
        given = None if frame.pts in (None, before) else Fraction(frame.pts * frame.time_base) - shift
        before = frame.pts
        if now is None or (given is not None and given > now + Fraction(HOLE)):
            now = given
        elif given is not None and given < now - Fraction(JOINT):
            shift -= now - given
        elif given is not None and given < now - Fraction(HOLE):
            continue  # there are more samples than time: sound that ran ahead of the images waits for them
        if now is None:
            continue
        start, now = now, now + Fraction(frame.samples, frame.sample_rate)
        if start < 0:
            continue
        if start > until:
            break
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(start * frame.sample_rate)
        yield from audio.encode(frame)
    yield from audio.encode(None)
