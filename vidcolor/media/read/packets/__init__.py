"""Containers: probe, demux, time stamps, edit lists, streams that begin late."""
