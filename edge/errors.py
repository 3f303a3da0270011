"""The exceptions that birdedge raises on purpose.

    BirdedgeError
    ├── AudioError
    │   ├── AudioFileMissingError   (FileNotFoundError)
    │   ├── AudioFileError          (ValueError)   not audio, empty or damaged
    │   ├── SampleError             (ValueError)   NaN, infinite, wrong shape or rate
    │   └── DeviceError
    │       ├── PortAudioMissingError (ImportError)
    │       ├── DeviceNotFoundError   (LookupError)
    │       └── DeviceLostError       (OSError)
    │           ├── StreamLostError                a network stream ended, or cannot be reached
    │           └── StreamStalledError             a stream is open and delivers nothing
    ├── ModelError
    │   ├── ModelMissingError       (FileNotFoundError)
    │   └── ModelFileError          (ValueError)   not ONNX, no card, or card and graph disagree
    ├── SettingsError               (ValueError)   unknown key or value out of range
    ├── OutputError                 (OSError)      a result cannot be written
    │   ├── DiskError                              a retry may succeed, for example after a full disk
    │   └── StoreError                             the recorder's database
    ├── DeliveryError               (ConnectionError) another system does not accept a message; a retry may succeed
    │   └── DeliveryRefusedError                   no retry will succeed
    ├── ServiceError                (RuntimeError) systemd
    ├── DataError                   (ValueError)   training or evaluation data
    └── ExtraMissingError           (ImportError)  pip install 'birdedge[...]'

Each message says what was given, what is allowed and what to do. The command line prints the message and
exits with code 1.
"""


class BirdedgeError(Exception):
    """The base of all exceptions that birdedge raises on purpose."""


class AudioError(BirdedgeError):
    """Audio cannot be used."""


class AudioFileMissingError(AudioError, FileNotFoundError):
    """An audio file does not exist."""


class AudioFileError(AudioError, ValueError):
    """A file exists but holds no usable audio."""


class SampleError(AudioError, ValueError):
    """Samples are not finite, or have the wrong shape or sample rate."""


class DeviceError(AudioError):
    """A microphone or stream cannot be used."""


class PortAudioMissingError(DeviceError, ImportError):
    """The PortAudio system library is not installed."""


class DeviceNotFoundError(DeviceError, LookupError):
    """No input device matches the given name, or there is none at all."""


class DeviceLostError(DeviceError, OSError):
    """An open input device stopped delivering samples."""


class StreamLostError(DeviceLostError):
    """A network stream ended, or cannot be reached."""


class StreamStalledError(DeviceLostError):
    """A stream is open and delivers nothing."""


class ModelError(BirdedgeError):
    """A model cannot be used."""


class ModelMissingError(ModelError, FileNotFoundError):
    """A model file does not exist."""


class ModelFileError(ModelError, ValueError):
    """A file is not a birdedge model, or its card and graph disagree."""


class SettingsError(BirdedgeError, ValueError):
    """A setting has an unknown name or a value that is not allowed."""


class OutputError(BirdedgeError, OSError):
    """A result cannot be written."""


class DiskError(OutputError):
    """A disk is full, read-only or failing; a retry may succeed."""


class StoreError(OutputError):
    """The recorder's database cannot be opened or written."""


class DeliveryError(BirdedgeError, ConnectionError):
    """Another system cannot be reached or does not accept a message; a retry may succeed."""


class DeliveryRefusedError(DeliveryError):
    """Another system refuses a message, and no retry will succeed."""


class ServiceError(BirdedgeError, RuntimeError):
    """The systemd service cannot be installed, queried or removed."""


class DataError(BirdedgeError, ValueError):
    """Training or evaluation data is missing or malformed."""


class ExtraMissingError(BirdedgeError, ImportError):
    """The packages of an optional part are not installed."""
