import pytest

from tests.page.javascript import written


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """The folder of the page's JavaScript modules, the generated one included."""
    return written(tmp_path_factory.mktemp("modules"))
