"""Street-level picture services as sources: Panoramax, Mapillary and KartaView."""
