FROM localhost/trimtab/python:3.11-bookworm
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends bc \
 && rm -rf /var/lib/apt/lists/*
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/sums
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
