# docker build -t mnist-classifier . && docker run -p 8080:8080 mnist-classifier
# To pin the base: --build-arg BASE=python:3.13-slim@sha256:…
ARG BASE=python:3.13-slim

# What is needed to install, and the installed service: no PyTorch, no compiler, no tests of libraries.
FROM ${BASE} AS build
WORKDIR /source
COPY requirements/serve.lock requirements/
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/app \
    && /tools/bin/pip --python /opt/app/bin/python3 install --no-cache-dir --no-deps --only-binary :all: \
       --require-hashes --requirement requirements/serve.lock
COPY settings.ini setup.py README.md LICENSE ./
COPY mnist_nb mnist_nb
RUN /tools/bin/pip wheel --use-pep517 --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /tools/bin/pip --python /opt/app/bin/python3 install --no-cache-dir --no-deps /wheels/*.whl \
    && find /opt/app -type d -name tests -prune -exec rm -rf {} +

# With PyTorch, to train: docker compose run --rm trainer
FROM ${BASE} AS trainer
COPY --from=build /wheels /wheels
RUN python3 -m venv /opt/app && /opt/app/bin/pip install --no-cache-dir /wheels/*.whl \
    && mkdir --mode=777 /models
ENV PATH=/opt/app/bin:$PATH
WORKDIR /models
USER 10001:10001
ENTRYPOINT ["mnist-nb"]
CMD ["train", "--recipe", "cnn", "--save_dir", "/models"]

# The service.
FROM ${BASE} AS service
COPY --from=build /opt/app /opt/app
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/opt/app/bin/python3", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=2); c.request('GET', '/readyz'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["/opt/app/bin/mnist-nb", "serve", "--host", "0.0.0.0", "--port", "8080"]
CMD ["--access-log", "json"]
