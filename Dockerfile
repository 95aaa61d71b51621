# The HTTP service and its web page, for the CPU.
#
#     docker build -t facelattice .
#     docker run --rm -p 127.0.0.1:8000:8000 -e FACELATTICE_TOKEN facelattice

FROM python:3.12-slim

WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir ".[serve]" && rm -rf /build

RUN useradd --create-home facelattice
USER facelattice
WORKDIR /home/facelattice

# Requests from outside the container need the token in FACELATTICE_TOKEN; the service does not start without it.
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["facelattice", "serve", "--host", "0.0.0.0", "--port", "8000"]
