"""Wrong options: one sentence on standard error, exit code 1, no traceback, no incomplete file."""

import pytest


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("segment",), "FILES is missing: give audio files, folders, or --files-from"),
        (("lisen",), "there is no command 'lisen'; did you mean 'listen'?"),
        (("frobnicate",), "there is no command 'frobnicate'; use one of listen, status"),
        (("listen", "--demo", "file.wav"), "both --demo and 'file.wav'"),
        (("listen", "good.wav", "--rate", 48000), "--rate 48000"),
        (("listen", "good.wav", "--device", "USB"), "--device 'USB'"),
        (("listen", "good.wav", "--fast", "--channel", 7), "channel 7"),
        (("listen", "good.wav", "--fast", "--channel", -1), "channel -1"),
        (("segment", "good.wav", "--channel", 7, "--out", "out"), "channel 7"),
        (("segment", "good.wav", "--jobs", 0), "--jobs is 0; give 1 or more"),
        (
            ("segment", "good.wav", "--format", "excel"),
            "--format is 'excel'; give one of raven, audacity, csv, jsonl",
        ),
        (("listen", "good.wav", "--fast", "--denoised", "-", "--json"), "cannot take both"),
        (("listen", "good.wav", "--fast", "--denoised", "alone.mp3"), "name a .wav or .flac file, or -"),
        (("listen", "good.wav", "--fast", "--denoised", "./good.wav"), "would overwrite 'good.wav'"),
        (("listen", "good.wav", "--fast", "--denoised", "good.wav/alone.wav"), "cannot be written"),
        (("listen", "good.wav", "--duration", 0), "--duration is 0"),
        (("listen", "good.wav", "--duration", "nan"), "--duration is nan"),
        (("listen", "good.wav", "--duration", "inf"), "--duration is inf"),
        (("listen", "--demo", "--duration", -1), "--duration is -1"),
        (("plot", "good.wav", "--start", 99), "is 3.0 s long"),
        (("plot", "good.wav", "--start", -1), "start of -1.0 s"),
        (("plot", "good.wav", "--start", "nan"), "start of nan s"),
        (("plot", "good.wav", "--duration", 0), "duration of 0.0 s"),
        (("plot", "good.wav", "--duration", "inf"), "duration of inf s"),
        (("plot", "good.wav", "-o", "good.wav/x.png"), "cannot be written"),
        (("why",), "FILE is missing"),
        (("why", "good.wav", "--start", 99), "is 3.0 s long; give a time before that"),
        (("why", "good.wav", "--at", 99), "is 3.0 s long; give a time before that"),
        (("why", "good.wav", "--start", -1), "start of -1.0 s"),
        (("why", "good.wav", "--duration", 0), "duration of 0.0 s"),
        (("why", "good.wav", "--at", -1), "--at is -1.0"),
        (("why", "good.wav", "--at", "nan"), "--at is nan"),
        (("why", "good.wav", "--at", 1, "--start", 0), "--at was given with --start or --duration"),
        (("why", "good.wav", "--channel", 7), "channel 7"),
        (("why", "good.wav", "--model", "birdedge-int9"), "there is no model 'birdedge-int9'"),
        (("demo", "demo.wav", "--duration", "nan"), "duration_s is nan"),
        (("demo", "demo.wav", "--duration", -1), "duration_s is -1"),
        (("demo", "demo.wav", "--calls", "inf"), "calls_per_minute is inf"),
        (("demo", "demo.mp3"), "ends in .wav"),
        (("demo", "good.wav/demo.wav", "--duration", 1), "cannot be written"),
        (("config",), "`birdedge config` needs a command; use one of "),
        (("config", "bogus"), "there is no command 'bogus'; use one of "),
        (("config", "check", "."), "FILE: . is a folder; give a file"),
        (("config", "init", "good.wav"), "exists already"),
        (("service",), "`birdedge service` needs a command; use one of install"),
        (("status", "good.wav"), "FOLDER: good.wav is a file; give a folder"),
        (("doctor", "--record", 1), "--record is 1.0; give 2 or more and 120 or less"),
        (("bench", "--seconds", 0), "--seconds is 0.0; give 0.1 or more"),
        (("listen", "--duration", "long"), "--duration is 'long'; give a number"),
        (("segment", "good.wav", "--jobs", "two"), "--jobs is 'two'; give a whole number"),
        (("segment", "good.wav", "--min-score", 2), "--min-score is 2.0; give 0 or more and 1 or less"),
        (("segment", "good.wav", "--min-score", "nan"), "--min-score is nan; give 0 or more and 1 or less"),
        (("why", "good.wav", "--min-score", "nan"), "--min-score is nan; give 0 or more and 1 or less"),
        (("doctor", "--record", "nan"), "--record is nan; give 2 or more and 120 or less"),
        (("bench", "--seconds", "nan"), "--seconds is nan; give 0.1 or more"),
        (("demo", "demo.wav", "--duration", 1e12), "not enough memory"),
        (("segment", "good.wav", "--out"), "--out was given without a value; `birdedge segment --help`"),
        (("plot", "good.wav", "again.wav"), "'again.wav' is more than `birdedge plot` takes"),
        (("completion", "tcsh"), "SHELL is 'tcsh'; give one of bash, zsh, fish"),
        (("verify", "good.wav"), "is not an ONNX model"),
    ],
)
def test_an_invalid_option_is_an_error(failing, arguments, error):
    assert error in failing(*arguments)


def test_an_unknown_option_is_named(failing):
    error = failing("listen", "--quick")
    assert "there is no option --quick; " in error


@pytest.mark.parametrize("option", ["--out", "--masks"])
@pytest.mark.parametrize("folder", ["good.wav", "good.wav/out", "/proc/out"])
def test_a_folder_that_is_not_writable_is_an_error(failing, good, option, folder):
    for command in (("listen", good, "--fast", "--json"), ("segment", good)):
        assert folder in failing(*command, option, folder)


def test_a_recording_whose_table_has_the_name_of_the_combined_table_is_an_error(failing, good):
    good.rename(good.with_name("All.wav"))
    error = failing("segment", "All.wav", "--out", "out", "--format", "raven")
    assert "all.selections.txt is the table of all files" in error
