"""A device's own key, the signing request that Terraform gets of it, and the files with which it connects."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from emulated import Emulator
from telemetry.devices.mqtt import Broker


@dataclass(frozen=True)
class DeviceKey:
    """A private key that never leaves its device."""

    name: str
    key: EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str) -> DeviceKey:
        return cls(name, generate_private_key(SECP256R1()))

    def signing_request(self) -> str:
        """What AWS IoT is asked to sign, in PEM."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self.key, SHA256())
        return request.public_bytes(Encoding.PEM).decode()

    def connect(self, emulator: Emulator, certificate: str, folder: Path) -> Broker:
        """The emulator's broker, with the files in ``folder`` that prove who both are."""
        broker = Broker(
            "localhost",
            emulator.mqtt_port,
            authority=folder / "authority.pem",
            certificate=folder / "certificate.pem",
            key=folder / "key.pem",
        )
        with urllib.request.urlopen(f"{emulator.url}/_ministack/iot/ca.pem") as answer:  # noqa: S310 - loopback
            broker.authority.write_bytes(answer.read())
        broker.certificate.write_text(certificate)
        broker.key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return broker
