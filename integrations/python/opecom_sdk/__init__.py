"""Sends a shop's events and signed purchases to OP-ECOM, and verifies its webhooks."""

from opecom_sdk.client import Client
from opecom_sdk.errors import OpecomSdkError, RefusedError, SignatureError, UnavailableError
from opecom_sdk.signatures import sign, verify

__all__ = ["Client", "OpecomSdkError", "RefusedError", "SignatureError", "UnavailableError", "sign", "verify"]
