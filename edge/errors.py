"""Every error birdedge raises on purpose.

    BirdedgeError
    ├── AudioError
    │   ├── AudioFileMissingError   (FileNotFoundError)
    │   ├── AudioFileError          (ValueError)   not audio, empty, damaged
    │   ├── SampleError             (ValueError)   NaN, infinite, wrong shape or rate
    │   └── DeviceError
    │       ├── PortAudioMissingError (ImportError)
    │       ├── DeviceNotFoundError   (LookupError)
    │       └── DeviceLostError       (OSError)
    ├── ModelError
    │   ├── ModelMissingError       (FileNotFoundError)
    │   └── ModelFileError          (ValueError)   not ONNX, no card, contradicts its graph
    ├── SettingsError               (ValueError)   unknown key, value out of range
    ├── OutputError                 (OSError)      cannot be written
    │   ├── DiskError                              not now, as on a full disk: it may be well again
    │   └── StoreError                             the recorder's database
    ├── ServiceError                (RuntimeError) systemd cannot be asked, or the unit not installed or removed
    ├── DataError                   (ValueError)   training or evaluation data
    └── ExtraMissingError           (ImportError)  pip install 'birdedge[...]'

Each carries one sentence: what was given, what is allowed, what to do. The command
line prints that sentence and exits 1.
"""


class BirdedgeError(Exception):
    """Base of every error birdedge raises on purpose."""


class AudioError(BirdedgeError):
    """Sound that cannot be used."""


class AudioFileMissingError(AudioError, FileNotFoundError):
    """An audio file that is not there."""


class AudioFileError(AudioError, ValueError):
    """A file that is there but holds no usable sound."""


class SampleError(AudioError, ValueError):
    """Samples that are not finite, or not of the stated shape or rate."""


class DeviceError(AudioError):
    """A microphone that cannot be used."""


class PortAudioMissingError(DeviceError, ImportError):
    """The PortAudio system library is not installed."""


class DeviceNotFoundError(DeviceError, LookupError):
    """No input device, or none of that name."""


class DeviceLostError(DeviceError, OSError):
    """An input device that was there and stopped delivering."""


class ModelError(BirdedgeError):
    """A model file that cannot be used."""


class ModelMissingError(ModelError, FileNotFoundError):
    """A model file that is not there."""


class ModelFileError(ModelError, ValueError):
    """A file that is not a birdedge model, or one that contradicts itself."""


class SettingsError(BirdedgeError, ValueError):
    """A setting with an unknown name or a value that is not allowed."""


class OutputError(BirdedgeError, OSError):
    """A result that cannot be written."""


class DiskError(OutputError):
    """A result that cannot be written now: the disk is full, read-only or fails, and may be well again."""


class StoreError(OutputError):
    """A recorder's database that cannot be opened or written."""


class ServiceError(BirdedgeError, RuntimeError):
    """A service that cannot be installed, asked or removed."""


class DataError(BirdedgeError, ValueError):
    """Training or evaluation data that is missing or malformed."""


class ExtraMissingError(BirdedgeError, ImportError):
    """A part of birdedge whose packages are not installed."""
