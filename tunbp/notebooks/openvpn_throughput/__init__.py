"""Notebook 01: TCP through OpenVPN and wireguard-go."""
