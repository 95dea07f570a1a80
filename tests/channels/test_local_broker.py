"""The broker of one process runs the contract of brokers."""

from __future__ import annotations

import pytest

from stormdoor.channels import LocalBroker
from stormdoor.testing.contract import BrokerContract, NewBrokers


class TestLocalBroker(BrokerContract):
    @pytest.fixture
    def new_brokers(self) -> NewBrokers:
        return lambda: (LocalBroker(),) * 2
