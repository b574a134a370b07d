"""Reflex's own configuration. Run-time values (origins, Redis) come from the web role's environment."""

import reflex as rx

from hilink_app.toolchain.same_origin import SameOriginPlugin

config = rx.Config(
    app_name="hilink_app",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    state_manager_mode=rx.constants.StateManagerMode.MEMORY,
    deploy_url=None,
    cors_allowed_origins=(),
    frontend_compression_formats=["gzip"],
    plugins=[
        SameOriginPlugin(),
        rx.plugins.RadixThemesPlugin(
            theme=rx.theme(accent_color="teal", radius="large", appearance="inherit")
        ),
    ],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
