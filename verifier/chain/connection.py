"""The HTTP connection to one node: what every request has in common is worked out once."""

from typing import Any

import requests
from web3 import HTTPProvider


class Connection(requests.Session):
    """A session for one address. Proxies, certificates and passwords are those that the
    environment names when it is made, and not looked up for every request."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._prepared = self.prepare_request(
            requests.Request("POST", url, headers=HTTPProvider.get_request_headers())
        )
        self._settings = self.merge_environment_settings(url, {}, None, None, None)
        self._adapter = self.get_adapter(url)

    def post(self, url: Any, data: Any = None, json: Any = None, **kwargs: Any) -> Any:
        """The answer to a body of JSON; only the time limit is taken from `kwargs`."""
        request = self._prepared.copy()
        request.prepare_body(data, None)
        answer = self._adapter.send(request, timeout=kwargs["timeout"], **self._settings)
        if answer.is_redirect:
            return super().post(url, data, json, **kwargs)
        return answer
