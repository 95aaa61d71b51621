from __future__ import annotations


def test_training_data_and_license_are_printed(run):
    status, out, _ = run("models")
    assert status == 0
    for word in ("ibug68", "68, scheme ibug68", "license", "research use", "sha256"):
        assert word in out
