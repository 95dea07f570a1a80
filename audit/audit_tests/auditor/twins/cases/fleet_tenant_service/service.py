from __future__ import annotations

import dataclasses


class Forbidden(Exception):
    """The caller may not use this device."""


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    name: str
    tenant: str


@dataclasses.dataclass(slots=True)
class Device:
    serial: str
    tenant: str
    firmware: str
    relay: bool = False


class DeviceService:
    """Commands for devices. Every public method takes the caller first."""

    def __init__(self, devices: dict[str, Device]) -> None:
        self._devices = devices

    def _load(self, caller: Caller, serial: str) -> Device:
        device = self._devices[serial]
        if device.tenant != caller.tenant:
            raise Forbidden(serial)
        return device

    async def switch(self, caller: Caller, serial: str, on: bool) -> Device:
        device = self._load(caller, serial)
        device.relay = on
        return device

    async def upgrade(self, caller: Caller, serial: str, version: str) -> Device:
        device = self._load(caller, serial)
        device.firmware = version
        return device
