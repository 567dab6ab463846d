"""The web door: a page and a JSON API on saved recognisers. Needs the extra `web`; `car-recog serve` opens it."""
