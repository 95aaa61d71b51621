"""Video: reading, face tracking, smoothing, and writing of videos and landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.video.blinks import Blink, BlinkDetector
    from facelattice.video.crops import CropWriter, stabilized_crop
    from facelattice.video.frame import Frame
    from facelattice.video.landmark_writer import LandmarkWriter
    from facelattice.video.numbered_images import NumberedImages
    from facelattice.video.reader import Video, open_camera, open_video
    from facelattice.video.smoothing import FaceSmoother, OneEuroFilter
    from facelattice.video.track_writer import TrackWriter
    from facelattice.video.tracker import Tracker
    from facelattice.video.writer import VideoWriter
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Blink": "blinks",
            "BlinkDetector": "blinks",
            "CropWriter": "crops",
            "FaceSmoother": "smoothing",
            "Frame": "frame",
            "LandmarkWriter": "landmark_writer",
            "NumberedImages": "numbered_images",
            "OneEuroFilter": "smoothing",
            "TrackWriter": "track_writer",
            "Tracker": "tracker",
            "Video": "reader",
            "VideoWriter": "writer",
            "open_camera": "reader",
            "open_video": "reader",
            "stabilized_crop": "crops",
        },
    )

__all__ = [
    "Blink",
    "BlinkDetector",
    "CropWriter",
    "FaceSmoother",
    "Frame",
    "LandmarkWriter",
    "NumberedImages",
    "OneEuroFilter",
    "TrackWriter",
    "Tracker",
    "Video",
    "VideoWriter",
    "open_camera",
    "open_video",
    "stabilized_crop",
]
